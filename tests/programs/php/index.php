<?php
// Counts its visitors in the session, which PHP keeps in a file.
session_id("one");
session_start();
$_SESSION["visits"] = ($_SESSION["visits"] ?? 0) + 1;
echo "visit ", $_SESSION["visits"], "\n";
