# The packet filter of the front desk, exactly as `nft -s list ruleset` prints it: tabs, a space after each brace, no
# comments. What nft prints is then this text again, and its digest is what the policy expects. Logins come from the
# practice's own network alone.
''
  table inet filter {
  	chain input {
  		type filter hook input priority filter; policy drop;
  		iif "lo" accept
  		ct state established,related accept
  		ip saddr 192.0.2.0/24 tcp dport 22 accept
  		icmp type echo-request accept
  	}

  	chain forward {
  		type filter hook forward priority filter; policy drop;
  	}
  }
''
