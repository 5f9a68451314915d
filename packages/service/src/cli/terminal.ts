/** Whether to use colours: on a terminal, unless NO_COLOR says otherwise. */
export const useColour = (stream: NodeJS.WriteStream): boolean =>
  stream.isTTY === true && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb'
export const print = (text: string): void => {
  process.stdout.write(text)
}

/**
 * Whoever reads what a command prints may have seen enough (`larder status | head`): the command ends then. A service goes on (`larder up | tee log`),
 * and says no more.
 */
export const endWithReader = (isService: boolean): void => {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      if (!isService) process.exit()
    })
}
