"""Required plugins and their versions: without them gafferd does not start.

plugin        the plugin `mandatory`
requirement   parses lists such as `http webhooks>=1.2`
check         finds the requirements that are not met
"""

__all__: list[str] = []
