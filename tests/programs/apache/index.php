<?php
// Counts the requests of a visitor, in a session; shows how much was uploaded.
session_start();
$_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
echo isset($_FILES['picture']) ? 'bytes ' . filesize($_FILES['picture']['tmp_name']) : 'visit ' . $_SESSION['visits'], "\n";
