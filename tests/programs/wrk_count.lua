-- Counts what wrk itself sends and gets, for one thread. Each request is counted when wrk asks for
-- its text, which is right before it writes it.

-- wrk asks once before it starts, to see what kind of request this is.
asked = -1

local first

function setup(thread)
    first = thread
end

function init(args)
    text = wrk.format()
end

function request()
    asked = asked + 1
    return text
end

function done(summary)
    local text = first:get("text")
    io.write(string.format("wrote %d\nread %d\n", first:get("asked") * #text, summary.bytes))
    io.write(string.format("errors %d\n", summary.errors.connect + summary.errors.read
        + summary.errors.write + summary.errors.status + summary.errors.timeout))
end
