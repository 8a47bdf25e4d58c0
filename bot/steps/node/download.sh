# Fetch the archive into a private directory and check it. Never resumes: what lies there may be another file's half.
# So a half is worth nothing and goes, however this ends; the signals are those of its time bound and of a shutdown.
# Arguments: directory, URL, sha256, largest size in bytes, seconds, CA bundle (or empty).
set -eu
umask 077
dir=$1 url=$2 sha256=$3 most=$4 seconds=$5 ca=$6

trap 'rm -f "$dir/part"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$dir"
rm -f "$dir/part"
if [ ! -f "$dir/archive" ] || [ "$(sha256sum <"$dir/archive" | cut -d ' ' -f 1)" != "$sha256" ]; then
  rm -f "$dir/archive"
  curl --fail --silent --show-error --location --max-redirs 3 --proto '=http,https' --connect-timeout 15 \
    --max-time "$seconds" --max-filesize "$most" ${ca:+--cacert "$ca"} --output "$dir/part" -- "$url"
  found=$(sha256sum <"$dir/part" | cut -d ' ' -f 1)
  if [ "$found" != "$sha256" ]; then
    echo "refused: $url has sha256 $found, not the pinned $sha256" >&2
    exit 1
  fi
  mv "$dir/part" "$dir/archive"
fi
echo "archive fetched and checked"
