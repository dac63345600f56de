"""The built-in export formats, one module each; `yaml` and `shell` are shared by them."""
