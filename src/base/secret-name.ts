/** Files that hold secrets, by their names. */

/** Under these names programs keep keys and passwords, by their manuals; not the examples that are meant to be shared. */
const SECRET =
  /^(?:\.env(?:\.(?!example$|sample$|template$|dist$|defaults?$|schema$).+)?|\.netrc|\.pgpass|\.pypirc|\.git-credentials|id_(?:rsa|dsa|ecdsa|ed25519)|.+\.(?:pem|p12|pfx|jks|keystore|kdbx|ppk)|credentials\.json|service-account.*\.json)$/;

/** Whether a file by this path or name looks like a secret. */
export function isSecretName(path: string): boolean {
  return SECRET.test(path.slice(path.lastIndexOf('/') + 1));
}
