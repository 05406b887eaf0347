#!/bin/sh
# draw.sh REPLIBUILD: draws the pictures of this folder anew, from the real dashboard
# in a real terminal emulator (xterm beneath Xvfb). What is shown is leveldb.jsonl, an
# event log that record.sh made of real builds; the times below are places in it.
#
# tmux stands between xterm and the dashboard so that keys can be pressed.
set -eu

[ $# = 1 ] || { echo "usage: $0 REPLIBUILD" >&2; exit 2; }
bin=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
server=replibuild-screenshots-$$
trap 'tmux -L "$server" kill-server 2>/dev/null || :; rm -rf "$work"' EXIT

# picture NAME COLUMNS ROWS BACKGROUND FLAGS WAIT-FOR KEY...
picture() {
  name=$1 columns=$2 rows=$3 background=$4 flags=$5 wanted=$6
  shift 6
  env -u TMUX tmux -L "$server" -f /dev/null new-session -d -x "$columns" -y "$rows" \
    "env -u CI -u TMUX -u NO_COLOR TERM=xterm-256color COLORTERM=truecolor LANG=C.UTF-8 TZ=UTC HOME=/home/ada REPLIBUILD_HOME=$work '$bin' tui --replay '$here/leveldb.jsonl' $flags" \
    \; set -g status off \; set -ga terminal-overrides ',*:Tc'
  await ' replay'
  for key; do
    env -u TMUX tmux -L "$server" send-keys "$key"
  done
  await "$wanted"
  case $background in dark) bg='#14161e' fg='#d8dae3' ;; *) bg='#ffffff' fg='#24262e' ;; esac
  xvfb-run -a -s '-screen 0 2600x1600x24' sh -c '
    env -u TMUX LANG=C.UTF-8 xterm -fa "DejaVu Sans Mono" -fs 10 -b 8 -bg "$1" -fg "$2" -geometry "$3" -e tmux -L "$4" attach 2>/dev/null &
    xterm=$! n=0
    until [ "$(tmux -L "$4" list-clients | wc -l)" = 1 ]; do n=$((n + 1)); [ $n -lt 200 ] || exit 1; sleep 0.05; done
    last= same=0
    while [ $same -lt 3 ]; do # until three looks are equal: it is drawn
      import -window root png:"$5"
      now=$(cksum <"$5")
      [ "$now" = "$last" ] && same=$((same + 1)) || same=0
      last=$now
    done
    kill $xterm; wait $xterm || :' sh "$bg" "$fg" "${columns}x$rows" "$server" "$work/shot.png"
  env -u TMUX tmux -L "$server" kill-server
  convert "$work/shot.png" -trim +repage -strip "$here/$name.png"
  echo "$here/$name.png"
}

# await TEXT: until it is on the screen.
await() {
  n=0
  until env -u TMUX tmux -L "$server" capture-pane -p | grep -qF -- "$1"; do
    n=$((n + 1))
    [ $n -lt 200 ] || { echo "$name: \"$1\" did not appear" >&2; env -u TMUX tmux -L "$server" capture-pane -p >&2; exit 1; }
    sleep 0.05
  done
}

picture overview 120 36 dark '--speed 0 --from 50s' 'running 00:1'
picture files 120 36 dark '--speed 0 --from 25s' '/db/ !link (' 4 '>' '>' '>' / d b / Space '!' l i n k Enter
picture detail 160 45 dark '--speed 0 --from 32.8s' 'sizze_' '!'
picture logs 120 36 dark '--speed 0 --from 63s' 'wrap' 5 z w
picture crashed 120 36 dark '--speed 0 --from 90s' 'Detail · setup' 1
picture light 120 36 light '--theme light --speed 0 --from 27s' 'running 00:0'
picture 80x24 80 24 dark '--speed 0 --from 12s' 'running 00:1'
picture wide 200 60 dark '--speed 0 --from 50s' 'running 00:1'
