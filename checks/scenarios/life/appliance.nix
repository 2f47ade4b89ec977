{ writ, ... }: writ.appliance { system_type = "x86_64-linux"; }
