"""The HTTP API of gaffer: control jobs and processes over HTTP and websockets.

    plugin         the plugin as an object
    plugin_api     what other plugins may import
    hookspecs      the hooks: routes and callers of other plugins
    service        the lifecycle of the API, and the service `http`
    dynamic_app    the application whose routes change when plugins open and close
    app            one application: routes, and one form for every error
    plugin_routes  the routes of one plugin
    routes         the routes of the API; routes/legacy has the paths of gaffer 0.4
    views          what these share: parameters, bodies, responses
    schemas        the bodies of requests and responses
    channel        the websocket for events, samples, output, input and commands
    feeds          streaming responses: output and events as they come
    openapi        the description of all routes
    auth           authentication, authorization, limits, audit log
    serve          the server: connections, protocols, limits
    listen         endpoints and their sockets
    scope          typed access to the ASGI scope
    errors, asgi   the form of every error; the types of ASGI

The import must stay fast, because gafferd imports it to inspect the plugin: quart and hypercorn are
imported when the API opens.
"""

from gaffer_http.plugin import HttpHandler

__all__ = ["HttpHandler"]
