"""HTTP API of gaffer: jobs and processes under control over HTTP.

    plugin      the plugin as an object
    service     the life of the API
    front       the application that serves: another one whenever plugins come or go
    app         one application: puts the routes together, gives every error its one form
    mount       the routes of one plugin
    routes      what can be asked
    channel     the websocket on which everything can be asked and told
    feeds       answers that go on: output and events as they come
    openapi     what all of that is, for programs
    access      who may call
    serve       connections
    listen      where: endpoints and their sockets
    errors, asgi, hookspecs

Importing it must stay cheap, as gafferd does so to find out what it is: quart and hypercorn are
imported when the API opens.
"""

from gaffer_http.plugin import HttpHandler

__all__ = ["HttpHandler"]
