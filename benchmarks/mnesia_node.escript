%% One Mnesia node of the cluster benchmark (ram_copies on three nodes, transactions); the protocol is cluster_node.py's.
main([NodeText, Names, _Folder]) ->
    Node = list_to_integer(NodeText),
    Nodes = [list_to_atom(Name) || Name <- string:tokens(Names, ",")],
    os:cmd("epmd -daemon"),
    {ok, _} = net_kernel:start([lists:nth(Node + 1, Nodes), shortnames]),
    erlang:set_cookie(node(), exdbsql_benchmark),
    ok = mnesia:start(),
    wait_for(Nodes),
    case Node of
        0 ->
            {ok, _} = mnesia:change_config(extra_db_nodes, Nodes -- [node()]),
            {atomic, ok} = mnesia:create_table(counter, [{ram_copies, Nodes}, {attributes, [id, value]}]);
        _ -> ok
    end,
    wait_for_table(),
    io:format("{\"ready\": true}~n"),
    loop(Node).

wait_for(Nodes) ->
    case [N || N <- Nodes, N =/= node(), net_adm:ping(N) =/= pong] of
        [] -> timer:sleep(300);
        _ -> timer:sleep(100), wait_for(Nodes)
    end.

wait_for_table() ->
    case catch mnesia:wait_for_tables([counter], 1000) of
        ok -> ok;
        _ -> timer:sleep(100), wait_for_table()
    end.

loop(Node) ->
    case io:get_line("") of
        eof -> ok;
        Line ->
            case order(Line) of
                none -> ok;
                {Writers, Seconds, Rows} -> run(Node, Writers, Seconds, Rows), loop(Node)
            end
    end.

order(Line) ->
    case re:run(Line, "\"writers\": (\\d+), \"seconds\": ([\\d.]+), \"rows\": (\\d+)", [{capture, [1, 2, 3], list}]) of
        {match, [W, S, R]} -> {list_to_integer(W), seconds(S), list_to_integer(R)};
        nomatch -> none
    end.

seconds(Text) ->
    case string:to_float(Text) of
        {error, _} -> float(list_to_integer(Text));
        {Value, _} -> Value
    end.

run(Node, Writers, Seconds, Rows) ->
    Self = self(),
    Began = erlang:monotonic_time(microsecond),
    Until = Began + round(Seconds * 1000000),
    [spawn_link(fun() -> Self ! {done, write((Node * 1000 + N) * 100000, Rows, Until, [])} end)
        || N <- lists:seq(0, Writers - 1)],
    Taken = lists:sort(lists:append([receive {done, L} -> L end || _ <- lists:seq(1, Writers)])),
    Elapsed = (erlang:monotonic_time(microsecond) - Began) / 1000000,
    Count = length(Taken),
    io:format("{\"commits\": ~b, \"seconds\": ~f, \"p50_us\": ~b, \"p99_us\": ~b}~n",
        [Count, Elapsed, lists:nth(Count div 2 + 1, Taken), lists:nth(Count * 99 div 100 + 1, Taken)]).

write(First, Rows, Until, Taken) ->
    Began = erlang:monotonic_time(microsecond),
    case Began >= Until of
        true -> Taken;
        false ->
            {atomic, _} = mnesia:transaction(fun() -> [increment(First + I) || I <- lists:seq(0, Rows - 1)] end),
            write(First, Rows, Until, [erlang:monotonic_time(microsecond) - Began | Taken])
    end.

increment(Key) ->
    Value = case mnesia:read(counter, Key, write) of
        [{counter, Key, V}] -> V;
        [] -> 0
    end,
    mnesia:write({counter, Key, Value + 1}).
