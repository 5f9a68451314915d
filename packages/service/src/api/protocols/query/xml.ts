/** Text in XML 1.0. */
const notXml = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u
const allNotXml = new RegExp(notXml, 'gu')
// A carriage return that is not written as a reference is read as a line feed.
const references: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\r': '&#xD;' }

/** Can XML carry this text? Control characters and halves of surrogate pairs it cannot, in no way of writing. */
export const isXmlText = (text: string): boolean => !notXml.test(text)

/** Nearly every text of an answer is printable ASCII without anything to escape: one look instead of two searches. */
const plain = /^[ !#-%'-;=?-~]*$/

/** Characters that XML cannot carry at all are left out. */
export const escapeXml = (text: string): string =>
  plain.test(text) ? text : text.replace(allNotXml, '').replace(/[&<>"\r]/g, (found) => references[found] ?? found)
