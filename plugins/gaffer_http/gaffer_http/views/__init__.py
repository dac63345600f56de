"""Helpers of the views of all routes: parameters, bodies, responses and `?wait=`."""
