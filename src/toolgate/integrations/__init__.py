"""toolgate's parser inside other programs: each file is loaded by the one it is named for."""
