/** May a record of this name exist? Other texts are never looked up: keys of the store are printable ASCII, and `/` parts them. */
export const isStorable = (name: string): boolean => /^[a-z0-9._-]{1,255}$/.test(name)
