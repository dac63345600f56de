"""Webhooks: post gaffer's events to URLs, in order, signed, kept on disk until delivered.

    plugin                     the plugin as an object
    service                    `kernel.services["webhooks"]` and its lifetime
    routes, schemas            the paths under gaffer-http; bodies of requests and responses
    hook_registry, hook_store  all hooks; the file of those that were registered at run time
    targets, target            all URLs and their common quota; one URL: hooks, queue, worker
    delivery, retry            the task that sends; what a response means and when to retry
    sender, ssrf               posting with httpx2; which addresses are blocked
    flusher                    the task that flushes queues to disk
    outbox, messages, journal  the queue of one URL, in memory and in its file
    state_dir                  the folder of these files
    settings                   the section `[webhooks]`
    hook, signing, url         one pattern and one URL; signatures; parsing and checking URLs

Importing this package must stay cheap, because gafferd imports it to find its hooks: httpx2 is
imported when there is something to send, quart when gaffer-http asks for the paths.
"""

from gaffer_webhooks.plugin import WebHooks

__all__ = ["WebHooks"]
