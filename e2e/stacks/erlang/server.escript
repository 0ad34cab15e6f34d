#!/usr/bin/env escript
%%! +sbwt none +sbwtdcpu none +sbwtdio none
%% Servers with the TLS of Erlang/OTP. Each argument is one: the Erlang options of
%% ssl:listen/2, as a list of terms with the port among them.
%%
%%   [{port, 20001}, {certfile, "cert.pem"}, {keyfile, "key.pem"}, {versions, ['tlsv1.2']}]
%%
%% {suites, ["TLS_..."]} stands for {ciphers, ...} with IANA's names. What is not given
%% is the default.
-mode(compile).

main(Arguments) ->
    {ok, _} = application:ensure_all_started(ssl),
    [listen(terms(A)) || A <- Arguments],
    receive stop -> ok end.

terms(Text) ->
    {ok, Tokens, _} = erl_scan:string(Text ++ "."),
    {ok, Terms} = erl_parse:parse_term(Tokens),
    Terms.

listen(Options) ->
    Port = proplists:get_value(port, Options),
    More = lists:flatmap(
        fun({port, _}) -> [];
           ({suites, Names}) -> [{ciphers, [ssl:str_to_suite(N) || N <- Names]}];
           (O) -> [O]
        end, Options),
    {ok, Listener} = ssl:listen(Port, [binary, {ip, {127, 0, 0, 1}}, {active, false}, {reuseaddr, true}, {backlog, 100} | More]),
    [spawn_link(fun() -> accept(Listener) end) || _ <- lists:seq(1, 16)].

accept(Listener) ->
    {ok, Socket} = ssl:transport_accept(Listener),
    case ssl:handshake(Socket, 30000) of
        {ok, Session} -> serve(Session);
        {error, _} -> ok
    end,
    accept(Listener).

%% Answers each request until the client has no more.
serve(Session) ->
    case ssl:recv(Session, 0, 30000) of
        {ok, _} ->
            ssl:send(Session, <<"HTTP/1.1 204 No Content\r\n\r\n">>),
            serve(Session);
        {error, _} ->
            ssl:close(Session)
    end.
