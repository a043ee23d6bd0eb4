import type { WriteStream } from 'node:tty';
import { fitted } from './text.ts';

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
const clearToLineEnd = '\x1b[K';
const clearToScreenEnd = '\x1b[J';
const clearScreen = '\x1b[H\x1b[2J';

/** A block of lines at the bottom of a terminal that is redrawn in place. What was there before scrolls away as usual. */
export class Screen {
  readonly #terminal: WriteStream;
  #lines: readonly string[] = [];
  #drawn = 0;
  /** Lines that were wrapped anew are not where we left them: only a clean screen helps. */
  readonly #onResize = () => {
    this.#terminal.write(clearScreen);
    this.#drawn = 0;
    this.draw(this.#lines);
  };

  constructor(terminal: WriteStream) {
    this.#terminal = terminal;
    terminal.on('resize', this.#onResize);
    terminal.write(hideCursor);
  }

  draw(lines: readonly string[]): void {
    this.#lines = lines;
    // Some terminals do not know their size, and say 0.
    const { columns, rows } = this.#terminal;
    const shown = fitted(lines, { columns: columns || 80, rows: rows || 24 });
    // In one write, each line over the old one: no flicker.
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A\r` : '';
    this.#terminal.write(`${up}${shown.map((l) => `${l}${clearToLineEnd}\n`).join('')}${clearToScreenEnd}`);
    this.#drawn = shown.length;
  }

  /** Leaves what is drawn, and the terminal as it was. */
  close(): void {
    this.#terminal.off('resize', this.#onResize);
    this.#terminal.write(showCursor);
  }
}
