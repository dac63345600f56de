"""What the views of all routes share: parameters, bodies, responses and `?wait=`."""
