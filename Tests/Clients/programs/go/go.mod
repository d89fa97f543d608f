module weir/clients

go 1.19
