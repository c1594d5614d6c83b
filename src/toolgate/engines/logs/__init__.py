"""Logs on a disk, of any size: cut into pieces for several processes, and read line by line."""
