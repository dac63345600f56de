"""`/openapi.json`: what every route takes and answers, made from the routes and the types.

describe    what a view says of itself, as plain data
errors      which errors a route can answer
schemas     JSON schemas of all the types together
provider    routes and descriptions, put into OpenAPI by quart-schema
document    the whole, made when it is first asked for
"""
