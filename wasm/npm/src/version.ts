/** Put in by the build, from package.json. */
declare const PACKAGE_VERSION: string;

/** The version of the package, which is that of the Rust crate inside. */
export const version: string = PACKAGE_VERSION;
