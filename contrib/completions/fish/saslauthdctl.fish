# Completion of saslauthdctl(8) for fish.

set -l commands cache log-level metrics ping status

complete -c saslauthdctl -f
complete -c saslauthdctl -s m -x -a '(__fish_complete_directories)' -d 'Run directory'
complete -c saslauthdctl -l help -d 'Print the usage'
complete -c saslauthdctl -l version -d 'Print the version'
complete -c saslauthdctl -n "not __fish_seen_subcommand_from $commands" -a cache -d 'List or flush the cache'
complete -c saslauthdctl -n "not __fish_seen_subcommand_from $commands" -a log-level -d 'Show or change how much is logged'
complete -c saslauthdctl -n "not __fish_seen_subcommand_from $commands" -a metrics -d 'Print metrics for Prometheus'
complete -c saslauthdctl -n "not __fish_seen_subcommand_from $commands" -a ping -d 'Ask whether the daemon answers'
complete -c saslauthdctl -n "not __fish_seen_subcommand_from $commands" -a status -d 'Print what the daemon does'
complete -c saslauthdctl -n '__fish_seen_subcommand_from cache' -a 'flush list'
complete -c saslauthdctl -n '__fish_seen_subcommand_from status' -l json -d 'Print JSON'
complete -c saslauthdctl -n '__fish_seen_subcommand_from status' -l watch -d 'Repeat'
