/** Whether to use colours: on a terminal, unless NO_COLOR says otherwise. */
export const useColour = (stream: NodeJS.WriteStream): boolean =>
  stream.isTTY === true && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb'
export const print = (text: string): void => {
  process.stdout.write(text)
}
