# Breaks in the way its argument names.
defmodule Sessions do
  use GenServer
  def init(state), do: {:ok, state}
  def handle_cast(:drop, state), do: {:noreply, Map.fetch!(state, :session)}
end

case System.argv() do
  ["uncaught"] -> raise "boom"
  ["process"] -> spawn(fn -> raise ArgumentError, "worker lost its queue" end)
  ["task"] -> Task.start(fn -> hd(System.argv() -- System.argv()) end)
  ["gen-server"] ->
    {:ok, pid} = GenServer.start(Sessions, %{})
    GenServer.cast(pid, :drop)
end
Process.sleep(300)
