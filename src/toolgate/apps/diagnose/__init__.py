"""What `toolgate diagnose` does: logs of any size read on all cores, and told what failed."""
