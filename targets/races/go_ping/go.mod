module ping

go 1.19
