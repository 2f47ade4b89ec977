# writ.secret "name": stands for a value that only the appliance can decrypt. The policy carries the name alone.
name: { _writ = "secret"; inherit name; }
