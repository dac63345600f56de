"""The formats that gaffer-procfile brings, a file each; `yaml` and `shell` are what they share."""
