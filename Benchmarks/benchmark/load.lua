-- Asks a proxy for one URI in absolute form. Arguments: URI, its authority, and "close" for one request
-- per connection. Without a request() function wrk formats the request once and runs no Lua for each.
function init(args)
    wrk.path = args[1]
    -- HAProxy answers 400 when Host and the authority of the target differ.
    wrk.headers["Host"] = args[2]
    if args[3] == "close" then
        wrk.headers["Connection"] = "close"
    end
end
