# Completion of testsaslauthd(8) for fish.

complete -c testsaslauthd -f
complete -c testsaslauthd -s a -x -d 'Address of the remote user'
complete -c testsaslauthd -s f -r -F -d 'Socket'
complete -c testsaslauthd -s p -x -d 'Password, which others can see'
complete -c testsaslauthd -s R -x -d 'How often to ask'
complete -c testsaslauthd -s r -x -d 'Realm'
complete -c testsaslauthd -s s -x -a '(basename -a /etc/pam.d/*)' -d 'Service'
complete -c testsaslauthd -s u -x -a '(__fish_complete_users)' -d 'Login'
complete -c testsaslauthd -l help -d 'Print the usage'
complete -c testsaslauthd -l password-stdin -d 'Read the password from the standard input'
complete -c testsaslauthd -l timeout -x -d 'For each round'
