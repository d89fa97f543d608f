module weirleak

go 1.19
