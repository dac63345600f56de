"""The application of the plugin. `loop` is its nursery, for background tasks."""


class DummyApp:
    def start(self, loop, manager):
        print("start dummy app", flush=True)

    def stop(self):
        print("stop dummy", flush=True)

    def restart(self):
        print("restart dummy", flush=True)
