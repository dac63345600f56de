"""Nothing: the distribution gaffer-all consists of its dependencies, every feature of gaffer."""
