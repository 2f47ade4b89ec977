# writ.program "symbol": a file of the appliance's closure, by the name that its `programs` map gives it.
name: { _writ = "program"; inherit name; }
