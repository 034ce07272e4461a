# Completion of saslauthdctl(8) for fish.

set -l commands cache log-level metrics penalty ping status

complete -c saslauthdctl -f
complete -c saslauthdctl -s m -x -a '(__fish_complete_directories)' -d 'Run directory of the daemon'
complete -c saslauthdctl -l control -r -F -d 'Control socket of the daemon'
complete -c saslauthdctl -l timeout -x -d 'How long the daemon may say nothing'
complete -c saslauthdctl -s h -l help -d 'Print the usage'
complete -c saslauthdctl -n "not __fish_seen_subcommand_from $commands" -s V -l version -d 'Print the version'
complete -c saslauthdctl -n "not __fish_seen_subcommand_from $commands" -a cache -d 'List or flush the cache'
complete -c saslauthdctl -n "not __fish_seen_subcommand_from $commands" -a log-level -d 'Show or set how much is logged'
complete -c saslauthdctl -n "not __fish_seen_subcommand_from $commands" -a metrics -d 'Print counters for Prometheus'
complete -c saslauthdctl -n "not __fish_seen_subcommand_from $commands" -a penalty -d 'List or clear penalties'
complete -c saslauthdctl -n "not __fish_seen_subcommand_from $commands" -a ping -d 'Ask whether logins are served'
complete -c saslauthdctl -n "not __fish_seen_subcommand_from $commands" -a status -d 'Print what the daemon does'
complete -c saslauthdctl -n '__fish_seen_subcommand_from cache; and not __fish_seen_subcommand_from flush list' -a 'flush list'
complete -c saslauthdctl -n '__fish_seen_subcommand_from cache; and __fish_seen_subcommand_from list' -l json -d 'Print JSON'
complete -c saslauthdctl -n '__fish_seen_subcommand_from penalty; and not __fish_seen_subcommand_from clear list' -a 'clear list'
complete -c saslauthdctl -n '__fish_seen_subcommand_from penalty; and __fish_seen_subcommand_from list' -l json -d 'Print JSON'
complete -c saslauthdctl -n '__fish_seen_subcommand_from log-level; and not __fish_seen_subcommand_from error warning info debug' -a 'error warning info debug'
complete -c saslauthdctl -n '__fish_seen_subcommand_from status' -l json -d 'Print JSON'
complete -c saslauthdctl -n '__fish_seen_subcommand_from status' -l watch -d 'Repeat'
