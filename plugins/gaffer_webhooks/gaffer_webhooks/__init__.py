"""What happens in gaffer, posted to URLs: in order, signed, and kept on disk until it has arrived.

    plugin                   the plugin as an object
    service                  what other code asks: `kernel.services["webhooks"]`; its life
    info, routes, shapes     what is told of a hook; the paths that gaffer-http shows
    hooks, hookfile          the hooks there are, and the file of those that are not of gafferd.ini
    targets, target          all URLs, and one: its hooks, its queue, its courier
    courier, retry           the task that sends, and when it sends again
    sender, addresses        how, and where it must not
    keeper                   the task that brings queues onto the disk
    outbox, letters, journal the queue of one URL, in memory and in its file
    room                     what the queues of all URLs may take together
    folder                   where these files are
    settings                 the section `[webhooks]`
    hook, signing, url       one pattern and one URL; signatures; where a URL leads

Importing it must stay cheap, as gafferd does so to find out what it is: httpx2 is imported when
there is something to send, quart when gaffer-http asks for the paths.
"""

from gaffer_webhooks.plugin import WebHooks

__all__ = ["WebHooks"]
