"""Environment files of jobs, and the variables of the user they run as.

plugin      the plugin `env`
options     the keys `env_file` and `user_env` of jobs
files       reads the files of a job
user        HOME, USER, LOGNAME and SHELL of a user
"""
