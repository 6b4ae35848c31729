// The page that explains how to check that nothing is uploaded.

import "./style.css";
import { startShell } from "./shell.ts";

startShell();
