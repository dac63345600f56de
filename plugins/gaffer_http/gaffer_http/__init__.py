"""HTTP API of gaffer: jobs and processes under control over HTTP."""
