/** A line that is longer than any Kubernetes object can be (etcd's limit is 1.5 MiB; JSON with managed fields is larger). */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

/** The complete lines of a byte stream, without empty ones. What a cut-off stream leaves unfinished is dropped. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  // Pieces of the unfinished line: joined once, so that a long line costs linear time.
  let pieces: string[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let text = decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      pieces.push(text.slice(0, end));
      const line = pieces.join('').trim();
      pieces = [];
      length = 0;
      text = text.slice(end + 1);
      if (line !== '') yield line;
    }
    pieces.push(text);
    length += text.length;
    if (length > MAX_LINE_BYTES) throw new Error(`a watch event is longer than ${MAX_LINE_BYTES} bytes`);
  }
}
