"""The console: where an organization's people see and change what it has, with the verbs that the commands call too."""
