"""What the views of all routes share: parameters, bodies, replies and `?wait=`."""
