%% Breaks in the way its argument names.
-module(crash).
-behaviour(gen_server).
-behaviour(supervisor).
-export([main/1, boot/0, init/1, handle_call/3, handle_cast/2]).

boot() -> main(init:get_plain_arguments()).

main(["process"]) -> spawn(fun() -> error({badmatch, closed}) end), stop();
main(["process-throw"]) -> spawn(fun() -> throw(nobody_catches) end), stop();
main(["gen-server"]) ->
    {ok, Pid} = gen_server:start({local, sessions}, ?MODULE, server, []),
    gen_server:cast(Pid, drop),
    stop();
main(["proc-lib"]) -> proc_lib:spawn(fun() -> lists:nth(9, [1]) end), stop();
main(["supervised"]) ->
    process_flag(trap_exit, true),
    {ok, _} = supervisor:start_link(?MODULE, supervisor),
    gen_server:cast(sessions, drop),
    stop();
main(["boot"]) -> error(no_settings);
main(["halt"]) -> erlang:halt("no way to go on");
main(["out-of-memory"]) -> binary:copy(<<0>>, 1 bsl 46).

%% The logger writes on its own time.
stop() -> timer:sleep(2000), init:stop(), timer:sleep(5000).

init(server) -> {ok, #{}};
init(supervisor) ->
    {ok, {#{intensity => 0}, [#{id => sessions,
        start => {gen_server, start_link, [{local, sessions}, ?MODULE, server, []]}}]}}.
handle_call(_, _, State) -> {reply, ok, State}.
handle_cast(drop, State) -> {noreply, maps:get(session, State)}.
