# `start.sh PYTHON MODE PORT`: server.py below a shell that has something to do after it.
"$1" "$(dirname "$0")/server.py" "$2" "$3"
echo "the server has ended"
