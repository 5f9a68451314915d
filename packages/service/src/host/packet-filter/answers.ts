/**
 * Which of the lines that `nft -i` writes to its standard error belong to which command. Pure.
 *
 * nft says nothing when a command has succeeded. So a second command follows each: the inclusion of a file that is not there, whose complaint names a
 * number. Standard error is not buffered, so what was said before that complaint belongs to the command, and nothing comes later.
 */

export const askLine = (number: number): string => `include "./answered-${number}"`

const answered = /\banswered-(\d+)\b/
/** nft points at the place of an error in a line of its own. */
const pointing = /^[\s^~]*$/
const mostBytes = 64 * 1024

export interface AnswerReader {
  /** Throws an `Error` where what was said cannot be understood. */
  push(text: string): void
}

/** `onAnswer` gets what was said about the command; empty: it succeeded. */
export const createAnswerReader = (onAnswer: (number: number, complaint: string) => void): AnswerReader => {
  let rest = ''
  let said: string[] = []
  let bytes = 0
  let last = -1
  const line = (text: string): void => {
    const number = answered.exec(text)?.[1]
    if (number === undefined) {
      if (!pointing.test(text)) said.push(text.slice(0, 500))
      return
    }
    // The complaint has two lines that name the number: message, and what it is about.
    if (Number(number) === last) return
    if (Number(number) !== last + 1) throw new Error(`expected the answer ${last + 1}, found ${number}`)
    last += 1
    const complaint = said.join('; ')
    said = []
    bytes = 0
    onAnswer(last, complaint)
  }
  return {
    push(text) {
      bytes += text.length
      if (bytes > mostBytes) throw new Error(`it said more than ${mostBytes} characters about one command`)
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const each of lines) line(each)
    },
  }
}
