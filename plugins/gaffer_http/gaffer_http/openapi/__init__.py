"""`/openapi.json`: what every route takes and answers, made from the routes and the types.

describe    the description of a view, as plain data
parameters  the types of path parameters
errors      the errors that a route can answer
schemas     JSON schemas of all the types together
views       the views of an application, with their descriptions
provider    routes and descriptions, converted to OpenAPI by quart-schema
document    the document, made when it is first requested
"""
