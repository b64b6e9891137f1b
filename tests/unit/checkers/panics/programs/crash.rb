# Breaks in the way its argument names.
def boom(what = "boom")
  raise ArgumentError, what
end

case ARGV[0]
when "uncaught" then boom
when "no-method" then nil.close
when "custom-class"
  module App; class Closed < StandardError; end; end
  raise App::Closed
when "empty-message" then raise ""
when "multi-line" then raise "cannot stop\n  pool is gone\n  queue is gone"
when "cause"
  begin
    boom
  rescue ArgumentError
    raise IOError, "cannot stop"
  end
when "thread"
  t = Thread.new { boom("worker lost its queue") }
  begin
    t.join
  rescue ArgumentError
    puts "went on"
  end
when "deadlock" then Queue.new.pop
when "frozen" then "".freeze << "a"
when "stack-overflow"
  def again = again
  again
when "segfault" then Process.kill(:SEGV, $$)
when "at-exit" then at_exit { boom("while stopping") }
when "full-message"
  begin
    boom
  rescue ArgumentError => e
    warn e.full_message(highlight: false)
  end
end
