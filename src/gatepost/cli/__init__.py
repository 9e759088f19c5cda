"""The `gatepost` command: one file for each noun. Results go to standard output, talk to standard error."""
